/** Keys as the list of keys shows them: by title, and those that do the same in one line. */
interface Group {
  readonly title: string
  readonly keys: Readonly<Record<string, { readonly label: string }>>
}

interface Line {
  readonly label: string
  readonly names: ReadonlyArray<string>
}

export const byTitle = (
  groups: ReadonlyArray<Group>,
  last: string,
): ReadonlyArray<{ readonly title: string; readonly keys: ReadonlyArray<Line> }> => {
  const titles = new Map<string, Map<string, Array<string>>>()
  for (const { keys, title } of groups) {
    const lines = titles.get(title) ?? new Map<string, Array<string>>()
    titles.set(title, lines)
    for (const [name, { label }] of Object.entries(keys))
      lines.set(label, [...(lines.get(label) ?? []), name])
  }
  return Array.from(titles, ([title, lines]) => ({
    title,
    keys: Array.from(lines, ([label, names]) => ({ label, names })),
  })).toSorted((a, b) => Number(a.title === last) - Number(b.title === last))
}
