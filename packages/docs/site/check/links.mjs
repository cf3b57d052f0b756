/** Dead links of the built site: anchors that no heading has, and files that the Markdown beside the pages names. VitePress checks the pages themselves. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"

const decoded = (text) => decodeURIComponent(text.replaceAll("&amp;", "&"))

const decompressed = (site, name) => gunzipSync(readFileSync(join(site, name))).toString()

/** The page at an address below /docs/, as the server finds it. */
const fileOf = (path) => (path === "" || path.endsWith("/") ? `${path}index.html` : `${path}.html`)

export const deadAnchors = (site) => {
  const names = readdirSync(site, { recursive: true }).filter((name) => name.endsWith(".html.gz"))
  const pages = new Map(names.map((name) => [name.replace(/\.gz$/, ""), decompressed(site, name)]))
  const anchors = new Map(
    [...pages].map(([name, html]) => [
      name,
      new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => decoded(id))),
    ]),
  )
  return [...pages].flatMap(([name, html]) =>
    [...new Set([...html.matchAll(/ href="(?:\/docs\/([^"#]*))?#([^"]+)"/g)].map(([link]) => link))].flatMap(
      (link) => {
        const [, path, anchor] = / href="(?:\/docs\/([^"#]*))?#([^"]+)"/.exec(link)
        const target = path === undefined ? name : fileOf(path)
        return anchors.get(target)?.has(decoded(anchor)) ? [] : [`${name}: no heading for${link}`]
      },
    ),
  )
}

/** Links of the Markdown beside the pages to what is not there. */
export const deadFiles = (site) => {
  const names = readdirSync(site, { recursive: true })
  const files = new Set(names.map((name) => name.replace(/\.gz$/, "")))
  return names
    .filter((name) => name.endsWith(".md.gz"))
    .flatMap((name) => {
      const links = decompressed(site, name).matchAll(/\]\(\/docs\/([^)#\s]+\.\w+)/g)
      return Array.from(links, ([, path]) => path)
        .filter((path) => !files.has(decodeURI(path)))
        .map((path) => `${name}: there is no ${path}`)
    })
}
