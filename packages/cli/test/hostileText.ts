/** Text that writes a clipboard, hides what follows, moves the cursor by a control of one byte, turns its direction, and has no width. */
export const hostile = "a\u001B]52;c;cm0gLXJm\u0007b\u001B[8mc\u009B2Jd\u202Ee\u200Bf\u2066g\rh\u007Fi"

/** What a terminal obeys in a text instead of showing it, apart from line feeds. */
export const obeyed = (text: string): ReadonlyArray<string> =>
  text.replaceAll("\r\n", "\n").match(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu) ?? []
