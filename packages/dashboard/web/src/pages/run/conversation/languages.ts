/** The languages whose code is coloured, by the names that Markdown has for them. */
export type Language = "json" | "typescript" | "python" | "bash" | "diff" | "sql" | "yaml"

const names: ReadonlyMap<string, Language> = new Map([
  ["json", "json"],
  ["jsonc", "json"],
  ["ts", "typescript"],
  ["typescript", "typescript"],
  ["js", "typescript"],
  ["javascript", "typescript"],
  ["mjs", "typescript"],
  ["py", "python"],
  ["python", "python"],
  ["bash", "bash"],
  ["sh", "bash"],
  ["shell", "bash"],
  ["zsh", "bash"],
  ["diff", "diff"],
  ["patch", "diff"],
  ["sql", "sql"],
  ["yaml", "yaml"],
  ["yml", "yaml"],
])

export const languageOf = (name: string): Language | undefined => names.get(name.toLowerCase())
