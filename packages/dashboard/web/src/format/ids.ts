/** The last 8 characters of an id: the first ones are those of its minute. */
export const shortId = (id: string): string => id.slice(-8)
