"""What `ace-detect` is made of. Nothing that `import ace_client` brings imports it."""
