import tailwindcss from "@tailwindcss/vite"
import { defineConfig, type Plugin } from "vite"

/** The theme is set before the first paint by a plain script, which nothing is bundled with. */
const themeFirst: Plugin = {
  name: "theme-first",
  transformIndexHtml: () => [{ tag: "script", attrs: { src: "./theme.js" }, injectTo: "head" }],
}

/** Where a module that is rendered on a server would begin; here every module runs in the browser. */
const isServerDirective = ({ code }: { readonly code?: string }): boolean => code === "MODULE_LEVEL_DIRECTIVE"

/** Dialogs, menus and selects share most of their code, and compress best as one file. The palette and a few forms add the rest. */
const isControl = (id: string): boolean =>
  /@base-ui|@floating-ui/.test(id) && !/autocomplete|checkbox|combobox/.test(id)

export default defineConfig({
  root: import.meta.dirname,
  // The page has a `base`, so that it works wherever it is mounted.
  base: "./",
  plugins: [tailwindcss(), themeFirst],
  esbuild: { jsx: "automatic" },
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "es2022",
    minify: "terser",
    terserOptions: { format: { comments: false } },
    // The policy of the page allows no `data:` font.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        manualChunks: (id) => (isControl(id) ? "controls" : undefined),
        onlyExplicitManualChunks: true,
      },
      onwarn: (warning, warn) => {
        if (!isServerDirective(warning)) warn(warning)
      },
    },
  },
})
