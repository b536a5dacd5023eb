#' The hypotheses of a table of tests
#'
#' @param object What `anova()` of one model, [drop1()][drop1.rlmm()] with `ddf`, or [ls_means()]
#'   give.
#' @param fractions Show numbers as fractions, see [MASS::fractions()]?
#' @param names Name rows and columns?
#' @param ... Handed to the methods.
#' @return A list of matrices by term: each row is a contrast of the coefficients that is zero under
#'   the hypothesis. An error of class `rlmm_no_method` where the object has none.
#' @section Errors:
#' `rlmm_no_method` for an object without hypotheses, or for `fractions = TRUE` without the package
#' MASS.
#' @examples
#' fit <- rlmm(Weight ~ Cu * Time + (1 | Pig), dietox)
#' show_tests(anova(fit))
#' show_tests(anova(fit, type = "II"))
#' @export
show_tests <- function(object, ...) UseMethod("show_tests")

#' @rdname show_tests
#' @export
show_tests.default <- function(object, fractions = FALSE, names = TRUE, ...) {
  hypotheses <- attr(object, "hypotheses")
  if (is.null(hypotheses)) {
    stop_rlmm("no_method", paste0("there are no hypotheses in an object of class '",
      class(object)[1L], "'; anova() of one model has some"))
  }
  if (fractions) hypotheses <- lapply(hypotheses, as_fractions)
  if (!names) hypotheses <- lapply(hypotheses, unname)
  hypotheses
}

as_fractions <- function(L) {
  if (!requireNamespace("MASS", quietly = TRUE)) {
    stop_rlmm("no_method", "fractions = TRUE needs the package MASS")
  }
  MASS::fractions(L)
}
