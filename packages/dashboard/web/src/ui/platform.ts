/** Whether the keyboard has Cmd where others have Ctrl. */
export const isMac = /Mac|iPhone|iPad/.test(navigator.userAgent)
