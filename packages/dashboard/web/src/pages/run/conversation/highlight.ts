/** Colours of code, in shades of ink: colour itself is kept for states, and for what a diff adds and takes away. */
import { createCssVariablesTheme, createHighlighterCore, type HighlighterCore } from "shiki/core"
import { createJavaScriptRegexEngine } from "shiki/engine/javascript"
import type { Language } from "./languages"

const grammars = {
  json: () => import("shiki/langs/json.mjs"),
  typescript: () => import("shiki/langs/typescript.mjs"),
  python: () => import("shiki/langs/python.mjs"),
  shellscript: () => import("shiki/langs/shellscript.mjs"),
  diff: () => import("shiki/langs/diff.mjs"),
  sql: () => import("shiki/langs/sql.mjs"),
  yaml: () => import("shiki/langs/yaml.mjs"),
} satisfies Record<Language, unknown>

let core: Promise<HighlighterCore> | undefined

const load = (): Promise<HighlighterCore> =>
  (core ??= createHighlighterCore({
    themes: [createCssVariablesTheme({ name: "ink", variablePrefix: "--code-" })],
    langs: [],
    engine: createJavaScriptRegexEngine({ forgiving: true }),
  }))

export interface Token {
  readonly content: string
  readonly color: string | undefined
}

/** The lines of a code as coloured tokens. */
export const highlight = async (
  text: string,
  language: Language,
): Promise<ReadonlyArray<ReadonlyArray<Token>>> => {
  const highlighter = await load()
  if (!highlighter.getLoadedLanguages().includes(language)) {
    await highlighter.loadLanguage((await grammars[language]()).default)
  }
  return highlighter
    .codeToTokensBase(text, { lang: language, theme: "ink" })
    .map((line) => line.map(({ color, content }) => ({ content, color })))
}
