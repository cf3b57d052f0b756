/** Numbers for people. */

const whole = new Intl.NumberFormat("en")
const cents = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })

/** `12,345` */
export const integer = (value: number): string => whole.format(value)

/** `945`, `18.2 k`, `4.1 M` */
export const short = (value: number): string => {
  if (value < 1000) return whole.format(value)
  const [size, unit] = value < 999_950 ? [value / 1000, "k"] : [value / 1_000_000, "M"]
  return `${size < 100 ? size.toFixed(1) : Math.round(size)} ${unit}`
}

/** Dollars of an amount in millionths: `$0.06`, `$0.004` below a cent. */
export const dollars = (millionths: number): string => {
  const amount = millionths / 1_000_000
  return `$${amount > 0 && amount < 0.01 ? amount.toFixed(3) : cents.format(amount)}`
}

/** `1.4 %`, `< 0.1 %` */
export const percent = (share: number): string => {
  const value = share * 100
  if (value > 0 && value < 0.1) return "< 0.1 %"
  return `${value === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} %`
}

/** `1 run`, `3 runs` */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${integer(count)} ${count === 1 ? one : many}`
