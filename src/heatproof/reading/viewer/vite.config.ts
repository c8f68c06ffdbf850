import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { defineConfig, type Plugin } from "vite";

/** The licences of everything that went into the bundle, beside it, as they ask. */
function licences(): Plugin {
  return {
    name: "licences",
    generateBundle(_, bundle) {
      const folders = new Map<string, string>();
      for (const chunk of Object.values(bundle))
        for (const id of chunk.type === "chunk" ? chunk.moduleIds : []) {
          const path = id.replace(/[?\0].*/g, "");
          if (!path.includes("/node_modules/")) continue;
          let folder = dirname(path);
          while (!existsSync(join(folder, "package.json")) || !("version" in read(folder))) folder = dirname(folder);
          const { name, version } = read(folder);
          folders.set(`${name} ${version}`, folder);
        }
      const texts = [...folders].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, folder]) => {
        const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
        const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
        return `${name}, ${read(folder).license ?? "see below"}\n\n${text}`;
      });
      this.emitFile({ type: "asset", fileName: "assets/licences.txt", source: texts.join("\n\n----\n\n") + "\n" });
    },
  };
}

function read(folder: string): Record<string, string> {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

// Names without hashes and no source maps: the bundle is committed, and built anew to the same bytes.
export default defineConfig({
  base: "/",
  plugins: [licences()],
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
