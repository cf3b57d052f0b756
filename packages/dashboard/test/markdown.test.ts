import { createElement } from "react"
import { renderToStaticMarkup } from "react-dom/server"
import { describe, expect, it } from "vitest"
import ColouredCode from "../web/src/pages/run/conversation/ColouredCode"
import { languageOf } from "../web/src/pages/run/conversation/languages"
import { linkTarget } from "../web/src/pages/run/conversation/linkTarget"
import Markdown from "../web/src/pages/run/conversation/Markdown"

const html = (text: string, isFinished = true): string =>
  renderToStaticMarkup(createElement(Markdown, { text, isFinished }))

/** What a reader sees of it. */
const visible = (markup: string): string =>
  markup
    .replaceAll(/<[^>]+>/g, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#x27;", "'")
    .replaceAll("&amp;", "&")

const elements = (markup: string): ReadonlySet<string> =>
  new Set(Array.from(markup.matchAll(/<([a-z][a-z0-9]*)/g), ([, name]) => name!))

const targets = (markup: string): ReadonlyArray<string> =>
  Array.from(markup.matchAll(/(?:href|src|srcset|action|data|poster)="([^"]*)"/g), ([, target]) => target!)

const report = `# What I found

The worker **build-02** lost its lease at \`02:41:07\`, *two seconds* late. See [the run](https://example.com/runs/1?x=a_b).

1. Read the log:
   - it was \`taken over\`, with **bold \`code\` inside**
2. Then mend it

\`\`\`ts
const renew = async (lease: Lease): Promise<void> => {
  if (lease.epoch < 2) throw new Error("lost") // why
}
\`\`\`

| Worker | Epoch | Lost |
|---|--:|:-:|
| ada | 1 | yes |
| brian | 2 | **no** |

- [ ] not done
- [x] done
`

describe("Markdown of an agent", () => {
  it("is drawn with its lists, tables, tasks and code", () => {
    const markup = html(report)
    // Code has spans as well, once its colours are loaded.
    expect(new Set([...elements(markup), "span"])).toEqual(
      new Set("span div h2 p strong code em a ol ul li pre table thead tbody tr th td input".split(" ")),
    )
    expect(markup).toContain(
      '<a href="https://example.com/runs/1?x=a_b" target="_blank" rel="noreferrer noopener">',
    )
    expect(markup).toContain('aria-label="Code, ts"')
    expect(markup).toContain('<td style="text-align:right">2</td>')
    expect(markup).toContain('<input type="checkbox" disabled="" aria-label="Done" checked=""/>')
  })

  it("shows no half-written mark while it streams", () => {
    for (let end = 1; end <= report.length; end++) {
      const shown = visible(html(report.slice(0, end), false))
      expect(shown).not.toMatch(/\*\*|\]\(|\[the run|\|/)
    }
    expect(html(report, false)).toBe(html(report))
  })

  it("leads to no address that runs a script or is no address of a page", () => {
    const refused = [
      "javascript:alert(1)",
      "JavaScript:alert(1)",
      "&#106;avascript:alert(1)",
      "java&Tab;script:alert(1)",
      "vbscript:x",
      "data:text/html,<script>alert(1)</script>",
      "file:///etc/passwd",
      "blob:https://example.com/1",
      "#root",
      "runs/1",
    ]
    for (const target of refused) {
      for (const text of [`[label](${target})`, `![label](${target})`, `[label][1]\n\n[1]: ${target}`]) {
        expect({ text, targets: targets(html(text)) }).toEqual({ text, targets: [] })
      }
      expect(targets(html(`<${target}>`))).toEqual([])
    }
    const accepted = [
      "https://example.com/a?b=c",
      "http://10.0.0.1/",
      "mailto:ada@example.com",
      "tel:+49",
      "/runs/1",
    ]
    for (const target of accepted) expect(targets(html(`[label](${target})`))).toEqual([target])
    expect(linkTarget("\u0001javascript:alert(1)")).toBeNull()
    expect(linkTarget("java\nscript:alert(1)")).toBeNull()
  })

  it("loads no image, and shows HTML as the text that it is", () => {
    const images = html(
      "![a chart](https://example.com/chart.png) [![in a link](/a.png)](https://example.com)",
    )
    expect(elements(images)).toEqual(new Set(["div", "p", "a"]))
    expect(images.match(/<a /g)).toHaveLength(2)
    const text =
      '<img src="x" onerror="alert(1)"> <b>bold</b>\n\n<script>alert(1)</script>\n\n<style>p { color: red }</style>'
    expect(elements(html(text))).toEqual(new Set(["div", "p"]))
    expect(visible(html(text)).replaceAll(/\s/g, "")).toBe(text.replaceAll(/\s/g, ""))
  })

  it("keeps what is written at its head, and its notes", () => {
    expect(visible(html("---\ntitle: x\n---\n\nBody"))).toContain("title: x")
    const noted = html("Seen[^root].\n\n[^root]: In the log")
    expect(noted).not.toMatch(/ id=| href=/)
    expect(visible(noted)).toContain("In the log")
  })

  it("is shown however deep it is nested", () => {
    for (const text of [">".repeat(20_000), "- ".repeat(5000), "[".repeat(20_000), "*a ".repeat(5000)]) {
      expect(html(`${text}end`)).toContain("end")
      expect(html(`${text}end`, false)).toContain("end")
    }
  })
})

describe("code in colour", () => {
  const sources = {
    json: '{ "a": [1, true, null], "b": "<x>" }\n{ broken',
    typescript: "const a = `x ${b} < 1` // <why>\n@decorated class A<T> {}\n/* open",
    python: 'def f(x: int) -> str:\n    """Doc & more"""\n    return f"{x!r}"',
    bash: "for f in *.txt; do echo \"$f\" > out && cat <<'END'\nx\nEND\ndone",
    diff: "--- a\n+++ b\n@@ -1 +1 @@\n-old <b>\n+new &amp;",
    sql: "select * from runs where id = 'a''b' -- all",
    yaml: "a:\n  - b: 'c' # d\n  - &x !!str e",
  } as const

  it("has the same text as without", () => {
    for (const [name, text] of Object.entries(sources)) {
      const markup = renderToStaticMarkup(createElement(ColouredCode, { text, language: languageOf(name)! }))
      expect(elements(markup)).toEqual(new Set(["span"]))
      expect(visible(markup)).toBe(text)
    }
  })

  it("marks what a diff adds and takes away", () => {
    const markup = renderToStaticMarkup(createElement(ColouredCode, { text: sources.diff, language: "diff" }))
    expect(markup).toContain('<span class="hljs-deletion">-old &lt;b&gt;</span>')
    expect(markup).toContain('<span class="hljs-addition">+new &amp;amp;</span>')
  })

  it("is plain in a language that is not there", () => {
    expect(languageOf("constructor")).toBeUndefined()
    expect(languageOf("brainfuck")).toBeUndefined()
    expect(html("```constructor\nx\n```")).toContain("<code>x</code>")
  })
})
