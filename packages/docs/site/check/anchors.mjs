/** Links between built pages whose anchor no heading has. VitePress checks the pages themselves. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"

const decoded = (text) => decodeURIComponent(text.replaceAll("&amp;", "&"))

/** The page at an address below /docs/, as the server finds it. */
const fileOf = (path) => (path === "" || path.endsWith("/") ? `${path}index.html` : `${path}.html`)

export const deadAnchors = (site) => {
  const names = readdirSync(site, { recursive: true }).filter((name) => name.endsWith(".html.gz"))
  const pages = new Map(
    names.map((name) => [name.replace(/\.gz$/, ""), gunzipSync(readFileSync(join(site, name))).toString()]),
  )
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
