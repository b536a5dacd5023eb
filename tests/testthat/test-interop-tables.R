# Tables of what a fit gives, by knitr and xtable.

numbers_in <- function(text) {
  found <- unlist(regmatches(text, gregexpr("-?[0-9]+[.][0-9]+", text)))
  as.numeric(found)
}

test_that("kable() makes of a fit's parts the tables that it makes of lmer's", {
  skip_if_not_installed("knitr")
  for (format in c("latex", "html", "markdown")) {
    kable <- function(table, digits = 1) {
      table <- as.data.frame(table)
      as.character(knitr::kable(table, format = format, digits = digits))
    }
    # the estimates of the oats end in 5: which way they are rounded is chance
    expect_as_lmer(kable(coef(summary(x))[, c("Estimate", "Std. Error", "t value")]),
      setdiff(names(interop_models), "oats"))
    expect_as_lmer(kable(lme4::VarCorr(x)))
    expect_as_lmer(kable(lme4::ranef(x)[[1]]))
    expect_as_lmer(kable(anova(x)["F value"], 2), c("slope", "cake"))
    expect_as_lmer(kable(anova(x, update(x, . ~ . - Days))[["Chisq"]]), "slope")
    expect_as_lmer(kable(anova(x, update(x, . ~ . - log(Days + 1)))[["Chisq"]]), "weighted")
  }
})

test_that("xtable() makes the numbers of lmer's summary", {
  skip_if_not_installed("xtable")
  coefficients <- function(x) {
    if (inherits(x, "rlmm")) return(xtable::xtable(x, digits = 7)[c("Estimate", "Std. error")])
    coef(summary(x))[, 1:2]
  }
  expect_as_lmer(coefficients(x), take = function(table) {
    matrix(as.numeric(unlist(as.data.frame(table))), ncol = 2)
  })
  for (type in c("latex", "html")) {
    made <- function(x) {
      table <- xtable::xtable(coef(summary(x))[, c("Estimate", "Std. Error"), drop = FALSE])
      numbers_in(utils::capture.output(print(table, type = type, comment = FALSE)))
    }
    expect_as_lmer(made(x), tolerance = 1e-3)
  }
})

test_that("knit_print() of tables of five models", {
  skip_if_not_installed("knitr")
  expect_output(knitr::knit_print(interop_fits("slope")$ours), "REML criterion")
  for (name in names(interop_models)) {
    fit <- interop_fits(name)$ours
    tables <- report_tables(fit, digits = 6)
    expect_equal(as.numeric(tables$fixed$Estimate), unname(fixef(interop_fits(name)$theirs)),
      tolerance = 1e-4, label = name)
    printed <- knitr::knit_print(tables)
    for (value in tables$fixed$Estimate) expect_match(printed, value, fixed = TRUE)
  }
})
