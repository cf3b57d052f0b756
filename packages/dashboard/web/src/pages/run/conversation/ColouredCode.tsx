/** Code in shades of ink: colour itself marks states, and the lines that a diff adds and removes. */
import bash from "highlight.js/lib/languages/bash"
import diff from "highlight.js/lib/languages/diff"
import json from "highlight.js/lib/languages/json"
import python from "highlight.js/lib/languages/python"
import sql from "highlight.js/lib/languages/sql"
import typescript from "highlight.js/lib/languages/typescript"
import yaml from "highlight.js/lib/languages/yaml"
import { createLowlight } from "lowlight"
import { memo, type ReactNode } from "react"
import type { Language } from "./languages"

const grammars = { bash, diff, json, python, sql, typescript, yaml } satisfies Record<Language, unknown>

const lowlight = createLowlight(grammars)

type Nodes = ReturnType<typeof lowlight.highlight>["children"]

const drawn = (nodes: Nodes): ReadonlyArray<ReactNode> =>
  nodes.map((node, index) =>
    node.type === "element" ? (
      <span key={index} className={(node.properties["className"] as ReadonlyArray<string>).join(" ")}>
        {drawn(node.children as Nodes)}
      </span>
    ) : node.type === "text" ? (
      node.value
    ) : null,
  )

const ColouredCode = memo(({ language, text }: { readonly text: string; readonly language: Language }) =>
  drawn(lowlight.highlight(language, text).children),
)

export default ColouredCode
