#' rlmm: linear mixed models with exact derivatives
#'
#' [rlmm()] fits linear mixed-effects models, with the formulas that users of lme4 know. The
#' help page of [rlmm()] says how to specify a model and what a fit can be asked.
#'
#' @section Options:
#' * `rlmm.threads`: number of threads, see [rlmm_control()].
#' * `rlmm.max_bytes`: largest size in bytes of a model matrix, and of what Kenward and Roger's method
#'   takes; by default what memory is available.
#' * `rlmm.ddf_operations`: how much work Satterthwaite's method may be, see [rlmm-ddf].
#' @references
#' Bates, D., Maechler, M., Bolker, B. and Walker, S. (2015) Fitting linear mixed-effects models
#' using lme4. *Journal of Statistical Software* 67(1), 1-48. \doi{10.18637/jss.v067.i01}
#' @useDynLib rlmm, .registration = TRUE
#' @keywords internal
#' @docType package
#' @name rlmm-package
NULL
