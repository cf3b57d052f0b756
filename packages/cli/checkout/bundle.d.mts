import type { Metafile } from "esbuild"

/** Bundles sources into a folder, by default for a checkout. */
export declare const bundleInto: (
  sources: ReadonlyArray<URL>,
  outdir: string,
  entryNames: string,
) => Promise<{ readonly metafile: Metafile }>

/** Bundles a source into a folder, and gives the path of the file `name`. */
export declare const bundle: (source: URL, outdir: string, name: string) => Promise<string>

/** Bundles the sources of programs that start each other, as files of one folder. Gives their paths. */
export declare const programs: (sources: ReadonlyArray<URL>, outdir: string) => Promise<ReadonlyArray<string>>

/** The path of the command's bundle, made anew when a source has changed. */
export declare const command: () => Promise<string>

/** The path of `test/InProcess.ts` in the same bundle. */
export declare const inProcess: () => Promise<string>

/**
 * The path of the bundle of a fixture of tests, made anew when a source has changed. The sources of a folder are bundled together, at the
 * first use of one.
 */
export declare const fixture: (source: URL) => Promise<string>
