/** The heading that each export of a module stands under: by what it is, so that no docstring has to say it. */
import { Comment, CommentTag, ReflectionKind } from "typedoc"

/** What a class is, by what it extends. */
const classOf = (heritage) =>
  heritage.includes("TaggedError")
    ? "Errors"
    : /Context\.(?:Tag|Reference)/.test(heritage)
      ? "Services"
      : "Models"

const heritageOf = (context, reflection) =>
  context
    .getSymbolFromReflection(reflection)
    ?.declarations?.find(({ heritageClauses }) => heritageClauses)
    ?.heritageClauses[0].getText() ?? ""

const categoryOf = (context, reflection, alike) => {
  if (reflection.kindOf(ReflectionKind.Class)) return classOf(heritageOf(context, reflection))
  if (reflection.kindOf([ReflectionKind.Interface, ReflectionKind.TypeAlias])) return "Models"
  const type = String(reflection.signatures?.[0].type ?? reflection.type)
  if (/^(?:Layer\.)?Layer</.test(type)) return "Layers"
  if (reflection.signatures !== undefined) return "Functions"
  // A schema has the name of the type that it checks.
  return alike.length > 1 || type.startsWith("Schema") ? "Models" : "Constants"
}

const commentedOf = (reflection) => reflection.signatures ?? [reflection]

const isDocumented = (reflection) => commentedOf(reflection).some(({ comment }) => comment !== undefined)

/** An export is on the page, also without a docstring. Of the two exports of one name, a value and its type, one is enough. */
const isShown = (reflection, alike) =>
  isDocumented(reflection) || (!alike.some(isDocumented) && alike[0] === reflection)

/** Puts each export of each module under its heading. */
export const categorize = (context) => {
  const modules = context.project.getReflectionsByKind(ReflectionKind.Module)
  for (const { children = [] } of modules.length === 0 ? [context.project] : modules) {
    for (const child of children) {
      const alike = children.filter(({ name }) => name === child.name)
      const category = categoryOf(context, child, alike)
      // A page has the methods of each service without this.
      if (!isShown(child, alike) || (category === "Services" && !isDocumented(child))) continue
      for (const commented of commentedOf(child)) {
        commented.comment ??= new Comment()
        commented.comment.blockTags.push(new CommentTag("@category", [{ kind: "text", text: category }]))
      }
    }
  }
}
