#' A separate regression for each group
#'
#' `lmList()` is nlme's function of that name, offered again here: it fits [lm()] to the rows of
#' each level of a factor, without any shrinkage. Beside the coefficients of a mixed model it shows
#' how far the levels are drawn together.
#'
#' @section Arguments: See [nlme::lmList()]. The formula is `y ~ x | g`. Missing values are an error
#'   unless `na.action = na.omit` is given. lme4's function of the same name, which also fits
#'   generalised linear models, is `lme4::lmList()`.
#' @return An object of nlme's class `lmList`, a list with an `lm` fit for each level; `coef()` of
#'   it is a data frame with levels as rows.
#' @examples
#' alone <- lmList(Reaction ~ Days | Subject, sleepstudy)
#' together <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' cbind(alone = coef(alone)$Days, together = coef(together)$Subject$Days)
#' @name rlmm-lmList
NULL

#' @importFrom nlme lmList
#' @export
nlme::lmList
