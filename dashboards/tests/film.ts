// What a fake camera of Chromium sees: a ticket that is held before it, as raw frames (YUV4MPEG2).
import { writeFileSync } from 'node:fs';
import type { Locator } from 'playwright-core';
import qrcode from 'qrcode-generator';

const [WIDTH, HEIGHT, FRAMES] = [640, 480, 10];
/** How much of the height a ticket fills. */
const FILLS = 0.8;

/** Starts Chromium with a camera that sees a film, again and again. */
export const seeing = (path: string): string[] => [
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  `--use-file-for-fake-video-capture=${path}`,
];

/** Writes a film of one picture, a byte of light for each pixel. */
function film(light: Buffer, path: string): void {
  const colour = Buffer.alloc((WIDTH * HEIGHT) / 2, 128);
  const frame = Buffer.concat([Buffer.from('FRAME\n'), light, colour]);
  const head = Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F10:1 Ip A1:1 C420jpeg\n`);
  writeFileSync(path, Buffer.concat([head, ...Array.from({ length: FRAMES }, () => frame)]));
}

/** A film of a code that is printed in grey. */
export function filmOfCode(text: string, path: string): void {
  const code = qrcode(0, 'M');
  code.addData(text, 'Alphanumeric');
  code.make();
  const modules = code.getModuleCount();
  const size = Math.floor((HEIGHT * FILLS) / modules);
  const [left, top] = [(WIDTH - size * modules) >> 1, (HEIGHT - size * modules) >> 1];
  const light = Buffer.alloc(WIDTH * HEIGHT, 200);
  for (let y = 0; y < size * modules; y += 1)
    for (let x = 0; x < size * modules; x += 1)
      if (code.isDark(Math.floor(y / size), Math.floor(x / size))) light[(top + y) * WIDTH + left + x] = 40;
  film(light, path);
}

/** A film of a picture as a page shows it. */
export async function filmOfPicture(picture: Locator, path: string): Promise<void> {
  const pixels = await picture.evaluate(
    async (image, [width, height, fills]) => {
      if (!(image instanceof HTMLImageElement)) throw new Error('this is no picture');
      await image.decode();
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [width, height];
      const context = canvas.getContext('2d');
      if (!context) throw new Error('the browser draws nothing');
      context.fillStyle = '#fff';
      context.fillRect(0, 0, width, height);
      const side = Math.floor(height * fills);
      context.drawImage(image, (width - side) >> 1, (height - side) >> 1, side, side);
      const { data } = context.getImageData(0, 0, width, height);
      return Array.from({ length: width * height }, (_, place) => data[place * 4] ?? 0);
    },
    [WIDTH, HEIGHT, FILLS] as const,
  );
  // Cameras see neither black nor white.
  film(Buffer.from(pixels.map((light) => 16 + Math.round((light * 219) / 255))), path);
}
