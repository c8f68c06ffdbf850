/** Stands for a library that is imported and never used. */
export const create = undefined;
