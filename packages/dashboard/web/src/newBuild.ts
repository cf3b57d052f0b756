/**
 * A page that stays open while its server gets another build requests files that are gone. It is loaded again then, and only then: a server
 * that does not answer, or that still has this build, would give nothing else.
 */
const entry = new URL(import.meta.url).pathname.split("/").at(-1)!

const hasNewBuild = async (): Promise<boolean> => {
  const response = await fetch(document.baseURI, { headers: { accept: "text/html" }, cache: "no-store" })
  return response.ok && !(await response.text()).includes(entry)
}

/** Whether the page would lose what is being typed. */
const isTyping = (): boolean => {
  const at = document.activeElement
  return (at instanceof HTMLTextAreaElement || at instanceof HTMLInputElement) && at.value !== ""
}

const reload = async () => {
  try {
    if ((await hasNewBuild()) && !isTyping()) location.reload()
  } catch {
    // The server does not answer, so the page stays as it is.
  }
}

/** `vite:preloadError` says that a part of the page could not be loaded. */
export const reloadOnNewBuild = () => window.addEventListener("vite:preloadError", () => void reload())
