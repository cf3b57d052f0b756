/** Where a page of the repository is in the site. */

const generated = "packages/docs/site/generated/"

/** The place of a source below the root of the repository: `docs/decisions/README.md` is `decisions/index.md`. */
export const rewrite = (source) => {
  const path = source.startsWith(generated) ? source.slice(generated.length) : source.replace(/^docs\//, "")
  return path.replace(/(^|\/)README\.md$/, "$1index.md")
}

/** Whether a file of the repository is a page of the site. */
export const isPage = (path) =>
  /^docs\/.*\.md$/.test(path) ||
  path === "deploy/README.md" ||
  (path.startsWith(generated) && path.endsWith(".md"))
