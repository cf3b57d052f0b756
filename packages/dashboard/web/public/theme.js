// Sets the chosen theme before the first paint. A file of its own, since no script may stand in the page.
try {
  const theme = localStorage.getItem("theme")
  if (theme !== null) document.documentElement.dataset.theme = theme
} catch {
  // Without storage the page follows the system.
}
