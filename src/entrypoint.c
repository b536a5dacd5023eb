/* R looks for R_init_rlmm; naming the two Rust functions here also keeps the
   linker from dropping the static library. */

void register_extendr_panic_hook(void);
void R_init_rlmm_extendr(void *dll);

void R_init_rlmm(void *dll) {
  register_extendr_panic_hook();
  R_init_rlmm_extendr(dll);
}
