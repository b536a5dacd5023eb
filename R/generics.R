#' Generic functions shared with nlme and lme4
#'
#' `fixef()`, `ranef()`, `VarCorr()` and `getData()` are nlme's generics, offered again here.
#' `getME()`, `isREML()`, `isLMM()`, `isGLMM()`, `isNLMM()` and `ngrps()`, as [refit()], [refitML()]
#' and [rePCA()], have the names and arguments of lme4's generics, `isSingular()`, `REMLcrit()` and
#' [allFit()] those of its plain functions. Called on anything but an `rlmm` object they hand it on
#' to lme4, so that the order in which the two packages are attached does not matter for these
#' generics: our methods are registered for lme4's as well. lme4's plain functions know lme4's own
#' fits only, or ours in part; where lme4 was attached last, write `rlmm::isSingular()`,
#' `rlmm::REMLcrit()` and `rlmm::allFit()`.
#'
#' @param object,x A model fitted by [rlmm()], or by lme4.
#' @param name Name of a quantity, see [getME.rlmm()].
#' @param ... Handed to the methods.
#' @return See the methods. `isREML()` and its likes give `TRUE` or `FALSE`, `ngrps()` the number
#'   of levels of each grouping factor, by name; for a factor, the number of its levels. An error
#'   of class `rlmm_no_method` where neither
#'   this package nor lme4 knows the object.
#' @examples
#' fit <- rlmm(Reaction ~ Days + (Days | Subject), sleepstudy)
#' isREML(fit)
#' ngrps(fit)
#' @rawNamespace
#' S3method(lme4::getME, rlmm)
#' S3method(lme4::isREML, rlmm)
#' S3method(lme4::isLMM, rlmm)
#' S3method(lme4::isGLMM, rlmm)
#' S3method(lme4::isNLMM, rlmm)
#' S3method(lme4::ngrps, rlmm)
#' @name rlmm-generics
NULL

#' @importFrom nlme fixef
#' @export
nlme::fixef

#' @importFrom nlme ranef
#' @export
nlme::ranef

#' @importFrom nlme VarCorr
#' @export
nlme::VarCorr

#' @importFrom nlme getData
#' @export
nlme::getData

#' @rdname rlmm-generics
#' @export
getME <- function(object, name, ...) UseMethod("getME")

#' @export
getME.default <- function(object, name, ...) hand_to_lme4("getME", object, name, ...)

#' @rdname rlmm-generics
#' @export
isREML <- function(x, ...) UseMethod("isREML")

#' @export
isREML.default <- function(x, ...) hand_to_lme4("isREML", x, ...)

#' @rdname rlmm-generics
#' @export
isLMM <- function(x, ...) UseMethod("isLMM")

#' @export
isLMM.default <- function(x, ...) hand_to_lme4("isLMM", x, ...)

#' @rdname rlmm-generics
#' @export
isGLMM <- function(x, ...) UseMethod("isGLMM")

#' @export
isGLMM.default <- function(x, ...) hand_to_lme4("isGLMM", x, ...)

#' @rdname rlmm-generics
#' @export
isNLMM <- function(x, ...) UseMethod("isNLMM")

#' @export
isNLMM.default <- function(x, ...) hand_to_lme4("isNLMM", x, ...)

#' @rdname rlmm-generics
#' @export
ngrps <- function(object, ...) UseMethod("ngrps")

#' @export
ngrps.factor <- function(object, ...) nlevels(object)

#' @export
ngrps.default <- function(object, ...) hand_to_lme4("ngrps", object, ...)

# Calls lme4's function of that name from outside this namespace: from inside, its dispatch
# would find our default method again.
hand_to_lme4 <- function(name, object, ...) hand_to("lme4", name, object, ...)

hand_to <- function(package, name, object, ...) {
  if (!isS4(object) && !is.object(object) || !requireNamespace(package, quietly = TRUE)) {
    stop_rlmm("no_method", paste0(
      name, "() has no method for an object of class '", class(object)[1], "'"
    ))
  }
  do.call(getExportedValue(package, name), list(object, ...), quote = TRUE, envir = globalenv())
}
