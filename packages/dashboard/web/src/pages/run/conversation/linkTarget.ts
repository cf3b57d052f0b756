const schemes: ReadonlySet<string> = new Set(["http:", "https:", "mailto:", "tel:"])

/**
 * The target of a link when a page may lead there, else `null`: another site, an address to write to or call, or an address of this
 * origin. The URL parser reads it as a browser does, so neither letter case nor control characters hide a scheme.
 */
export const linkTarget = (target: string): string | null =>
  (URL.canParse(target) ? schemes.has(new URL(target).protocol) : target.startsWith("/")) ? target : null
