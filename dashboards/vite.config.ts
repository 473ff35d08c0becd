// How the pages are built: hashed files into dist/pages, and room for the nonce that each answer gets.
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `npm run dev` shows the pages of a running server: EVENTRA=http://127.0.0.1:7171 npm run dev
const server = process.env['EVENTRA'] ?? 'http://127.0.0.1:7171';

export default defineConfig({
  plugins: [react(), tailwindcss()],
  html: { cspNonce: '__NONCE__' },
  build: {
    outDir: 'dist/pages',
    emptyOutDir: true,
    target: 'es2023',
    // Inlined pieces would be `data:` addresses, which the content security policy does not let fonts and scripts have.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rolldownOptions: {
      // The scanner for doors is a document of its own, and so is what keeps it on a device, whose address never changes.
      input: { index: 'index.html', scan: 'scan.html', worker: 'web/scan/worker.ts' },
      output: {
        entryFileNames: ({ name }) => (name === 'worker' ? 'scan/worker.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  server: { proxy: { '/v1': { target: server, ws: true } } },
  test: { include: ['web/**/*.test.ts'], environment: 'node' },
});
