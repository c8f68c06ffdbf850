/** A map in colours: the palette is the server's, strength decides how much of the film it hides. */

import { bytes, type Picture } from "./api";

const ONSET = 0.15; // strength below which a map is clear, as in heatproof's reports
const palettes = new Map<boolean, Promise<Uint8Array>>();

export function palette(signed: boolean): Promise<Uint8Array> {
  let found = palettes.get(signed);
  if (!found) {
    found = bytes(`/api/palette/${signed ? "signed" : "plain"}`).then((data) => new Uint8Array(data));
    palettes.set(signed, found);
  }
  return found;
}

/**
 * The map as a canvas of its own size.
 *
 * @param opacity Of the strongest values, from 0 to 1.
 * @param threshold Strength below which nothing is shown, from 0 to 1.
 */
export async function coloured(map: Picture, opacity: number, threshold: number): Promise<HTMLCanvasElement> {
  const colours = await palette(map.signed);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [map.width, map.height];
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(map.width, map.height);
  const levels = new Uint8Array(map.data);
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i]!;
    const strength = map.signed ? Math.min(1, Math.abs(level - 128) / 127) : level / 255;
    const rise = Math.max(0, (strength - ONSET) / (1 - ONSET));
    const shown = strength >= threshold && strength > 0;
    image.data[4 * i] = colours[3 * level]!;
    image.data[4 * i + 1] = colours[3 * level + 1]!;
    image.data[4 * i + 2] = colours[3 * level + 2]!;
    image.data[4 * i + 3] = shown ? 255 * opacity * Math.sqrt(rise) : 0;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
