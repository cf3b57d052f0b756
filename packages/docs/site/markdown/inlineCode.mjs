/** Code in a line, which Vue leaves as it is: braces in it are no expression. */
export const inlineCode = (md) => {
  const { code_inline: code } = md.renderer.rules
  md.renderer.rules.code_inline = (...args) => code(...args).replace("<code", "<code v-pre")
}
