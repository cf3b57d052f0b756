/** The numbers of a command line: `--rounds=3`. */
export const numberOf = (option: string, absent: number): number =>
  Number(
    process.argv.find((argument) => argument.startsWith(`--${option}=`))?.slice(`--${option}=`.length) ??
      absent,
  )
