/** The first column of each part as bars in SVG, one block per part. Comparable bars share the scale of the longest. */
import type { Part } from "./Figures.js"
import type { Summary } from "./Statistics.js"
import { number } from "./Table.js"

const width = 900
const labels = 400
const row = 20

interface Bar {
  readonly name: string
  readonly unit: string
  readonly value: Summary | null
}

const font = `font-family="system-ui, sans-serif"`

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const peers = /graphile-worker|pg-boss|BullMQ|plainjob|DBOS|Restate/

const colorOf = (name: string): string =>
  peers.test(name) ? "#d97706" : name.includes("by hand") ? "#94a3b8" : "#2563eb"

/** Comparable figures have the same unit and the same database in their names; Redis counts as PostgreSQL. */
const kindOf = ({ name, unit }: Bar): string =>
  `${unit} ${/^(.*?)[:,] /.exec(name)?.[1]?.replace("Redis", "PostgreSQL")}`

const bar = ({ name, unit, value }: Bar, longest: number, y: number): string => {
  const label = `<text x="${labels - 8}" y="${y + 14}" text-anchor="end" font-size="12" fill="#333">${escape(name)}</text>`
  if (value === null) {
    return `${label}<text x="${labels}" y="${y + 14}" font-size="12" fill="#999">absent</text>`
  }
  const scale = (width - labels - 150) / longest
  const at = (amount: number): number => Math.max(0, amount * scale)
  const long = at(value.median)
  const middle = y + row / 2
  return [
    label,
    `<rect x="${labels}" y="${y + 3}" width="${long.toFixed(1)}" height="${row - 6}" fill="${colorOf(name)}"/>`,
    `<path d="M${(labels + at(value.lowest)).toFixed(1)} ${middle}H${(labels + at(value.highest)).toFixed(1)}" stroke="#111"/>`,
    `<text x="${(labels + Math.max(long, at(value.highest)) + 6).toFixed(1)}" y="${y + 14}" font-size="12" fill="#333">${number(value.median)} ${escape(unit)}</text>`,
  ].join("")
}

const block = (
  { columns, rows, title }: Part,
  y: number,
): { readonly svg: string; readonly height: number } => {
  const { name: column, unit } = columns[0]!
  const figures = rows.map(({ figures: { [column]: value = null }, name }) => ({ name, unit, value }))
  const longest = new Map<string, number>()
  for (const figure of figures) {
    const kind = kindOf(figure)
    longest.set(kind, Math.max(longest.get(kind) ?? 1e-9, figure.value?.highest ?? 0))
  }
  const bars = figures.map((figure, index) => bar(figure, longest.get(kindOf(figure))!, y + 34 + index * row))
  return {
    svg: [
      `<text x="16" y="${y + 22}" font-size="15" font-weight="600">${escape(`${title} (${column})`)}</text>`,
      ...bars,
    ].join("\n"),
    height: 34 + figures.length * row + 16,
  }
}

export const render = (parts: ReadonlyArray<Part>): string => {
  let y = 8
  const blocks = parts.map((part) => {
    const { height, svg } = block(part, y)
    y += height
    return svg
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" ${font}>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...blocks,
    "</svg>\n",
  ].join("\n")
}
