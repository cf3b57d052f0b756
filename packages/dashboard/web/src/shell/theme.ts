/** Light or dark: the system's, until somebody chooses. `theme.js` sets it before the first paint. */
export const flipTheme = (): void => {
  const { dataset } = document.documentElement
  const isDark =
    dataset["theme"] === undefined
      ? matchMedia("(prefers-color-scheme: dark)").matches
      : dataset["theme"] === "dark"
  const next = isDark ? "light" : "dark"
  dataset["theme"] = next
  try {
    localStorage.setItem("theme", next)
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
