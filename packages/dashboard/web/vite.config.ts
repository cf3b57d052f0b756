import tailwindcss from "@tailwindcss/vite"
import { defineConfig, type Plugin } from "vite"

/** The theme is set before the first paint by a plain script, which nothing is bundled with. */
const themeFirst: Plugin = {
  name: "theme-first",
  transformIndexHtml: () => [{ tag: "script", attrs: { src: "./theme.js" }, injectTo: "head" }],
}

/** Where a module that is rendered on a server would begin; here every module runs in the browser. */
const isServerDirective = ({ code }: { readonly code?: string }): boolean => code === "MODULE_LEVEL_DIRECTIVE"

export default defineConfig({
  root: import.meta.dirname,
  // The page has a `base`, so that it works wherever it is mounted.
  base: "./",
  plugins: [tailwindcss(), themeFirst],
  resolve: {
    // Parts of the libraries of Markdown and code that the pages have no use for, and that are a third of their size.
    alias: {
      "hast-util-to-html": `${import.meta.dirname}/src/lean/notWritten.ts`,
      "mdast-util-to-markdown": `${import.meta.dirname}/src/lean/notWritten.ts`,
      "rehype-raw": `${import.meta.dirname}/src/lean/rehypeRaw.ts`,
      "tailwind-merge": `${import.meta.dirname}/src/lean/tailwindMerge.ts`,
    },
  },
  esbuild: { jsx: "automatic" },
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "es2022",
    // The policy of the page allows no `data:` font.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      onwarn: (warning, warn) => {
        if (!isServerDirective(warning)) warn(warning)
      },
    },
  },
})
