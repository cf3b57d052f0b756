/** A sign for a tool, by what its name says. */
import { FileText, GitMerge, Globe, type LucideIcon, Pencil, Search, Terminal, Wrench } from "lucide-react"

const signs: ReadonlyArray<readonly [RegExp, LucideIcon]> = [
  [/git|commit|merge|push|branch/i, GitMerge],
  [/shell|bash|exec|terminal|command|run_/i, Terminal],
  [/edit|write|patch|replace|create_file/i, Pencil],
  [/search|grep|find|glob|query|lookup/i, Search],
  [/fetch|http|web|browse|url/i, Globe],
  [/read|open|cat|file|view/i, FileText],
]

export const signOf = (tool: string): LucideIcon =>
  signs.find(([pattern]) => pattern.test(tool))?.[1] ?? Wrench
