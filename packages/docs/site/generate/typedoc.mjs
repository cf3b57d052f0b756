/** Lets TypeDoc read the public modules: a page for each, with what a docstring describes. */
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Application, Converter } from "typedoc"
import { categorize } from "./categories.mjs"

/** TypeDoc reads all packages as one program, which has a configuration of its own while it runs. */
const withConfiguration = async (root, use) => {
  const file = join(root, "tsconfig.site.json")
  const compilerOptions = { composite: false, incremental: false, noEmit: true }
  writeFileSync(
    file,
    JSON.stringify({ extends: "./tsconfig.base.json", compilerOptions, include: ["packages/*/src"] }),
  )
  try {
    return await use(file)
  } finally {
    rmSync(file)
  }
}

/** Writes TypeDoc's page of each file to `out`, at the path of the file below `packages`. */
export const writeTypedoc = (root, files, out) =>
  withConfiguration(root, async (tsconfig) => {
    const app = await Application.bootstrapWithPlugins({
      plugin: ["typedoc-plugin-markdown"],
      entryPoints: files,
      tsconfig,
      out,
      router: "module",
      readme: "none",
      excludeExternals: true,
      excludeInternal: true,
      // What a class inherits from Schema or Context has no docstring, and is the same in all of them.
      excludeNotDocumented: true,
      excludePrivate: true,
      disableSources: true,
      hideBreadcrumbs: true,
      hidePageHeader: true,
      // The compiler has checked them.
      skipErrorChecking: true,
      validation: false,
      logLevel: "Error",
      categoryOrder: ["Services", "Models", "Errors", "Layers", "Functions", "Constants"],
      useCodeBlocks: true,
      parametersFormat: "table",
      interfacePropertiesFormat: "table",
      typeAliasPropertiesFormat: "table",
    })
    // Before TypeDoc leaves out what has no comment.
    app.converter.on(Converter.EVENT_RESOLVE_BEGIN, categorize, 1000)
    const project = await app.convert()
    if (project === undefined) throw new Error("TypeDoc could not read the packages")
    await app.generateOutputs(project)
  })
