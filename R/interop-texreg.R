# texreg makes tables from objects of its own class, one for each model. The package is not there to
# be tested with; texreg_parts() has what createTexreg() takes.

texreg_methods <- list(
  extract = function(model, ...) {
    do.call(getExportedValue("texreg", "createTexreg"), texreg_parts(model, ...))
  }
)

texreg_parts <- function(model, ddf = "Satterthwaite", ...) {
  test <- coefficient_tests(model, match_ddf(ddf))
  ll <- logLik(model)
  groups <- ngrps(model)
  variances <- as.data.frame(VarCorr(model))
  label <- ifelse(is.na(variances$var1), "Var: Residual",
    paste0(ifelse(is.na(variances$var2), "Var: ", "Cov: "), variances$grp, " ", variances$var1,
      ifelse(is.na(variances$var2), "", paste0(" ", variances$var2))))
  gof <- c(AIC = stats::AIC(ll), BIC = stats::BIC(ll), `Log Likelihood` = as.numeric(ll),
    `Num. obs.` = nobs(model), stats::setNames(groups, paste0("Num. groups: ", names(groups))),
    stats::setNames(variances$vcov, label))
  list(coef.names = test$term, coef = test$estimate, se = test$std_error, pvalues = test$p,
    gof.names = names(gof), gof = unname(gof),
    gof.decimal = !grepl("^Num[.]", names(gof)), model.name = "rlmm")
}
