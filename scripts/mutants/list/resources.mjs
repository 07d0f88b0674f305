export const RESOURCES = [];
