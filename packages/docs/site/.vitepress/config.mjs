import { defineConfig } from "vitepress"
import llms from "vitepress-plugin-llms"
import { join } from "node:path"
import { anchorOf } from "../markdown/anchors.mjs"
import { highlight } from "../markdown/highlight.mjs"
import { inlineCode } from "../markdown/inlineCode.mjs"
import { links } from "../markdown/links.mjs"
import { diagrams } from "../markdown/diagrams.mjs"
import { searched } from "../markdown/searched.mjs"
import { rewrite } from "../markdown/places.mjs"
import { nav, sidebar } from "../sidebar.mjs"

const root = join(import.meta.dirname, "../../../..")

export default defineConfig({
  title: "Runlease",
  description: "Durable agent runs under leases, on Effect",
  base: "/docs/",
  // The pages stay where they are, in docs/ and in the folder of those that are generated.
  srcDir: root,
  srcExclude: [
    "*.md",
    "!(docs|packages|deploy)/**",
    "deploy/!(README.md)",
    "deploy/*/**",
    "packages/!(docs)/**",
    "packages/docs/*.md",
    "packages/docs/!(site)/**",
    "packages/docs/site/*.md",
    "packages/docs/site/!(generated)/**",
  ],
  outDir: join(import.meta.dirname, "../../dist/site"),
  cacheDir: join(import.meta.dirname, "cache"),
  rewrites: rewrite,
  cleanUrls: true,
  // The map of all pages is a file of its own, and not a script in each page.
  metaChunk: true,
  head: [["link", { rel: "icon", href: "/docs/icon.svg", type: "image/svg+xml" }]],
  markdown: {
    anchor: { slugify: anchorOf },
    highlight,
    config: (md) => md.use(diagrams).use(inlineCode),
  },
  // A function here would be made from text in the browser, which the policy of the pages forbids. One whose name begins with `_` stays here.
  themeConfig: {
    siteTitle: "Runlease",
    nav,
    sidebar,
    outline: { level: [2, 3], label: "On this page" },
    search: { provider: "local", options: { _render: searched } },
    externalLinkIcon: true,
    docFooter: { prev: false, next: false },
  },
  vite: {
    publicDir: join(import.meta.dirname, "../public"),
    plugins: [
      links(root),
      llms({
        workDir: root,
        excludeIndexPage: false,
        injectLLMHint: false,
        // A model reads these page by page.
        ignoreFilesPerOutput: {
          llmsFullTxt: ["decisions/**", "reference/**"],
        },
      }),
    ],
    // The policy of the pages allows no `data:` font.
    build: { assetsInlineLimit: 0, chunkSizeWarningLimit: 2000 },
  },
})
