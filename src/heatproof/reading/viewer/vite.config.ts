import { defineConfig } from "vite";

// Names without hashes and no source maps: the bundle is committed, and built anew to the same bytes.
export default defineConfig({
  base: "/",
  // vtk.js writes XML with it, which is never asked of it here, and it wants Node's own modules.
  resolve: { alias: { xmlbuilder2: "/src/nothing.ts" } },
  build: {
    outDir: "../bundle",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 8000,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        entryFileNames: "assets/[name].js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
});
