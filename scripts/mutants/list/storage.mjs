export const STORAGE = [];
