/** The figures as bars in SVG: one block for each part, bars of one unit drawn to the longest of theirs. */
import type { Figure, Part } from "./Figures.js"
import { number } from "./Table.js"

const width = 900
const labels = 400
const row = 20
const font = `font-family="system-ui, sans-serif"`

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const bar = ({ name, unit, value }: Figure, longest: number, y: number): string => {
  const label = `<text x="${labels - 8}" y="${y + 14}" text-anchor="end" font-size="12" fill="#333">${escape(name)}</text>`
  if (value === null) {
    return `${label}<text x="${labels}" y="${y + 14}" font-size="12" fill="#999">absent</text>`
  }
  const scale = (width - labels - 150) / longest
  const color = name.includes("Runlease") ? "#2563eb" : name.includes("by hand") ? "#94a3b8" : "#d97706"
  const end = labels + value.median * scale
  const middle = y + row / 2
  return [
    label,
    `<rect x="${labels}" y="${y + 3}" width="${(value.median * scale).toFixed(1)}" height="${row - 6}" fill="${color}"/>`,
    `<path d="M${(labels + value.lowest * scale).toFixed(1)} ${middle}H${(labels + value.highest * scale).toFixed(1)}" stroke="#111"/>`,
    `<text x="${(Math.max(end, labels + value.highest * scale) + 6).toFixed(1)}" y="${y + 14}" font-size="12" fill="#333">${number(value.median)} ${escape(unit)}</text>`,
  ].join("")
}

const block = ({ figures, title }: Part, y: number): { readonly svg: string; readonly height: number } => {
  const longestOf = (unit: string): number =>
    Math.max(...figures.map((figure) => (figure.unit === unit ? (figure.value?.highest ?? 0) : 0)), 1e-9)
  const bars = figures.map((figure, index) => bar(figure, longestOf(figure.unit), y + 34 + index * row))
  return {
    svg: [
      `<text x="16" y="${y + 22}" font-size="15" font-weight="600">${escape(title)}</text>`,
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
