/**
 * Links of the pages, as the site has them: a page of the site by its place there, another file of the repository by its address at the source
 * repository. They are changed in the text of a page, so the page and the Markdown beside it have the same.
 */
import { existsSync, readFileSync, statSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { isPage, rewrite } from "./places.mjs"

const isDirectory = (path) => statSync(path).isDirectory()

/** The page of a folder, which a link to the folder shows. */
const pageOf = (root, path) =>
  existsSync(join(root, path)) &&
  isDirectory(join(root, path)) &&
  isPage(`${path}/README.md`) &&
  existsSync(join(root, path, "README.md"))
    ? `${path}/README.md`
    : path

/**
 * Where a link leads below the root, with its anchor: from the page, or to the source repository, as npm needs it in a README. Any other address leads
 * out of it.
 */
const pathOf = (repository, page, link) => {
  const source = `${repository}/blob/main/`
  if (link.startsWith(source)) return link.slice(source.length)
  return /^([a-z]+:|\/|#)/.test(link) ? undefined : join(dirname(page), link)
}

const relink = (root, repository, page, link) => {
  const leads = pathOf(repository, page, link)
  if (leads === undefined) return link
  const [path, anchor] = leads.split("#")
  const target = pageOf(root, decodeURI(path).replace(/\/$/, ""))
  const hash = anchor === undefined ? "" : `#${anchor}`
  if (isPage(target)) return `/${rewrite(target)}${hash}`
  // A picture is a file of the site too.
  if (/^docs\/.*\.(png|svg)$/.test(target)) return `/${target}`
  // A page that is not there is left to the check for dead links.
  if (!existsSync(join(root, target))) return link
  return `${repository}/${isDirectory(join(root, target)) ? "tree" : "blob"}/main/${target}${hash}`
}

const fence = /(^```[\s\S]*?^```)/m

const relinkText = (text, change) =>
  text
    .split(fence)
    .map((part) =>
      part.startsWith("```") ? part : part.replaceAll(/\]\(([^)\s]+)\)/g, (_, link) => `](${change(link)})`),
    )
    .join("")

/** Changes the links of each page before it is read. */
export const links = (root) => {
  const { repository } = JSON.parse(readFileSync(join(root, "packages/docs/package.json"), "utf8"))
  const url = repository.url.replace(/^git\+|\.git$/g, "")
  return {
    name: "links",
    enforce: "pre",
    transform: (text, id) => {
      const page = relative(root, id)
      return isPage(page) ? relinkText(text, (link) => relink(root, url, page, link)) : undefined
    },
  }
}
