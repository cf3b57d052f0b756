/** The services of a module: what each method of a `Context.Tag` does. TypeDoc writes the shape of a tag nowhere. */
import ts from "typescript"
import { readFileSync } from "node:fs"

const textOf = (node) => ts.getTextOfJSDocComment(node.jsDoc?.at(-1)?.comment) ?? ""

/** Code without the indentation of its first line. */
const dedent = (text, depth) => text.replaceAll(`\n${" ".repeat(depth)}`, "\n")

const memberOf = (source) => (member) => {
  const { character } = source.getLineAndCharacterOfPosition(member.getStart(source))
  return [
    `### ${member.name.getText(source)}`,
    `\`\`\`ts\n${dedent(member.getText(source), character).replace(/^readonly /, "")}\n\`\`\``,
    textOf(member),
  ].filter((part) => part !== "")
}

/** The shape of the service whose tag a class is. */
const shapeOf = (node, source) => {
  const call = node.heritageClauses?.[0]?.types[0].expression
  if (call === undefined || !ts.isCallExpression(call)) return undefined
  const isTag = call.expression.getText(source).startsWith("Context.Tag(")
  return isTag ? call.typeArguments?.[1] : undefined
}

/** The services that a file exports, as Markdown; an empty text where there is none. */
export const servicesOf = (file) => {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true)
  const sections = source.statements.filter(ts.isClassDeclaration).flatMap((node) => {
    const shape = shapeOf(node, source)
    const isExported = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    if (!isExported || shape === undefined || !ts.isTypeLiteralNode(shape)) return []
    const members = shape.members.flatMap(memberOf(source))
    return [`## The service ${node.name.text}`, textOf(node), ...members].filter((part) => part !== "")
  })
  return sections.join("\n\n")
}
