// How the pages are built: hashed files into dist/pages, and room for the nonce that each answer gets.
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import type { Plugin } from 'vite';

// `npm run dev` shows the pages of a running server: EVENTRA=http://127.0.0.1:7171 npm run dev
const server = process.env['EVENTRA'] ?? 'http://127.0.0.1:7171';

/** As the server does: the shop has a document of its own. */
const shop: Plugin = {
  name: 'shop',
  configureServer(server) {
    server.middlewares.use((request, _, next) => {
      if (request.url?.startsWith('/shop/')) request.url = '/shop.html';
      next();
    });
  },
};

export default defineConfig({
  plugins: [react(), tailwindcss(), shop],
  html: { cspNonce: '__NONCE__' },
  build: {
    outDir: 'dist/pages',
    emptyOutDir: true,
    target: 'es2023',
    // Inlined pieces would be `data:` addresses, which the content security policy does not let fonts and scripts have.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    rolldownOptions: {
      // The shop, and the scanner for doors, are documents of their own; what keeps the scanner on a device never changes its address.
      input: { index: 'index.html', shop: 'shop.html', scan: 'scan.html', worker: 'web/scan/worker.ts' },
      output: {
        entryFileNames: ({ name }) => (name === 'worker' ? 'scan/worker.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  server: { proxy: { '/v1': { target: server, ws: true } } },
  test: { include: ['web/**/*.test.ts'], environment: 'node' },
});
