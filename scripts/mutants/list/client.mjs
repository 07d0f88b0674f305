export const CLIENT = [];
