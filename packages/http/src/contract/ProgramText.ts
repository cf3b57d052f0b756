/** The text of a program that runs apart from the module that has it, such as that of a thread. */

/** A compiler that keeps the names of functions calls a function for it, whose name a bundle may have to change. */
const helper = /\b__name\d*\b/g

/** `program` names nothing outside of itself. */
export const of = (program: () => void): string => {
  const text = program.toString()
  const helpers = Array.from(new Set(text.match(helper)), (name) => `const ${name} = (named) => named;`)
  return `${helpers.join("")}(${text})()`
}
