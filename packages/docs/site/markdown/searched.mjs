/**
 * What the search of the site reads of a page. Of a reference or a decision it reads the headings alone: they are found by their names, and come
 * after the guide that answers a question.
 */
import { rewrite } from "./places.mjs"

const isLookedUp = (path) => /^(?:reference|decisions)\//.test(rewrite(path))

const headings = /<h([1-6])[^>]*>[\s\S]*?<\/h\1>/g

export const searched = (source, env, md) => {
  const html = md.render(source, env)
  if (env.frontmatter?.search === false) return ""
  return isLookedUp(env.relativePath) ? (html.match(headings) ?? []).join("\n") : html
}
