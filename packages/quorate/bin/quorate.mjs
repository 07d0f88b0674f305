#!/usr/bin/env node
await import('../dist/bin.js').then(
  ({ run }) => run(),
  (error) => {
    const isUnbuilt = error?.code === 'ERR_MODULE_NOT_FOUND';
    process.stderr.write(
      isUnbuilt ? `error: quorate is not built yet: run "npm run build" in the clone\n${error.message}\n` : `${error?.stack ?? error}\n`,
    );
    process.exitCode = 70;
  },
);
