export const HOST = [];
