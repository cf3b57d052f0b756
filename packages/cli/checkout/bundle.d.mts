/** Bundles a source into a folder, and gives the path of the file `name`. */
export declare const bundle: (source: URL, outdir: string, name: string) => Promise<string>

/** The path of the command's bundle, made anew when a source has changed. */
export declare const command: () => Promise<string>

/** The path of `test/InProcess.ts` in the same bundle. */
export declare const inProcess: () => Promise<string>
