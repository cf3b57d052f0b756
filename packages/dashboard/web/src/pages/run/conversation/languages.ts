/** The languages whose code is coloured, by the names that Markdown has for them. */
export type Language = "json" | "typescript" | "python" | "shellscript" | "diff" | "sql" | "yaml"

const names: Readonly<Record<string, Language>> = {
  json: "json",
  jsonc: "json",
  ts: "typescript",
  typescript: "typescript",
  js: "typescript",
  javascript: "typescript",
  mjs: "typescript",
  py: "python",
  python: "python",
  bash: "shellscript",
  sh: "shellscript",
  shell: "shellscript",
  zsh: "shellscript",
  diff: "diff",
  patch: "diff",
  sql: "sql",
  yaml: "yaml",
  yml: "yaml",
}

export const languageOf = (name: string): Language | undefined => names[name.toLowerCase()]
