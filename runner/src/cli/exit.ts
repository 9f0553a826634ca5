/** The exit statuses of every command. */
export const EXIT = { done: 0, failed: 1, usage: 2, notEmpty: 3, interrupted: 130 } as const;
